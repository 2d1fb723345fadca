"""A conversation by aiosnow: models, its selectors, mapped values, streams and files."""

import asyncio
import os
import tempfile

import aiosnow
from aiosnow import fields


class Incident(aiosnow.TableModel):
    sys_id = fields.String(is_primary=True)
    number = fields.String()
    short_description = fields.String()
    description = fields.String()
    correlation_id = fields.String()
    impact = fields.IntegerMap()
    made_sla = fields.Boolean()
    opened_at = fields.DateTime()
    assignment_group = fields.StringMap()


async def talk():
    client = aiosnow.Client(
        os.environ["SN_ADDRESS"], basic_auth=(os.environ["SN_USER"], os.environ["SN_PASSWORD"]), use_ssl=False
    )
    async with Incident(client, table_name="incident") as incident:
        group = "287ebd7da9fe198100f92cc8d1d2154e"
        made = (await incident.create({"short_description": "made by aiosnow", "assignment_group": group})).data
        assert made["impact"].key == 3 and made["impact"].value == "3 - Low", made
        assert made["assignment_group"].value == "Platform Images", made
        assert made["made_sla"] is True

        by_number = Incident.number == made["number"]
        updated = (await incident.update(by_number, {"description": "changed"})).data
        assert updated["description"] == "changed" and updated["short_description"] == "made by aiosnow"
        one = await incident.get_one(by_number)
        assert one.data["sys_id"] == made["sys_id"]

        for number in range(7):
            await incident.create({"short_description": f"streamed {number}", "correlation_id": "aiosnow"})
        query = aiosnow.select(Incident.correlation_id.equals("aiosnow")).order_desc(Incident.short_description)
        names = [one["short_description"] async for _, one in incident.stream(query, page_size=3)]
        assert names == [f"streamed {number}" for number in reversed(range(7))], names
        limited = await incident.get(query, limit=2)
        assert len(limited.data) == 2

        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "hello.txt"), "w") as file:
                file.write("hello from aiosnow")
            await incident.upload_file(by_number, os.path.join(folder, "hello.txt"))
        files = await incident.get_attachments()
        assert [file["file_name"] for file in files.data] == ["hello.txt"], files.data

        try:
            await incident.update(by_number, {"state": "6"})
            raise AssertionError("resolved without a code")
        except AssertionError:
            raise
        except Exception as refused:
            assert "Resolution code" in str(refused) or "403" in str(refused), repr(refused)

        deleted = await incident.delete(by_number)
        assert deleted.status == 204, deleted.status
    print("believed")


asyncio.run(talk())
