"""A conversation by pysnow: resources, its query builder, its own paging, attachments both ways, OAuth."""

import os
import tempfile

import pysnow
from pysnow.exceptions import NoResults
from requests.exceptions import HTTPError

address, user, password = os.environ["SN_ADDRESS"], os.environ["SN_USER"], os.environ["SN_PASSWORD"]
client = pysnow.Client(host=address, user=user, password=password, use_ssl=False)
incident = client.resource(api_path="/table/incident", chunk_size=4)

made = incident.create({"short_description": "made by pysnow", "impact": "2", "urgency": "2"}).one()
assert made["priority"] == "3" and made["number"].startswith("INC"), made

# Its update is a search, then a PUT, which leaves alone what it does not name.
updated = incident.update({"number": made["number"]}, {"description": "changed"}).one()
assert updated["description"] == "changed" and updated["short_description"] == "made by pysnow"

for number in range(10):
    incident.create({"short_description": f"paged {number}", "correlation_id": "pysnow"})
query = (
    pysnow.QueryBuilder().field("correlation_id").equals("pysnow").AND().field("short_description").order_descending()
)
names = [one["short_description"] for one in incident.get(query=query, stream=True).all()]
assert names == [f"paged {number}" for number in reversed(range(10))], names
some = incident.get(query={"correlation_id": "pysnow"}, limit=3, offset=8, fields=["number"])
assert [list(one) for one in some.all()] == [["number"]] * 2
assert len(incident.get(query="correlation_id=pysnow^short_descriptionLIKE7").all()) == 1

assert incident.get(query={"number": "INC9999999"}).one_or_none() is None
try:
    incident.get(query={"number": "INC9999999"}).one()
    raise AssertionError("a record from nowhere")
except NoResults:
    pass
try:
    incident.update({"number": made["number"]}, {"state": "6"}).one()
    raise AssertionError("resolved without a code")
except HTTPError as refused:
    assert "Data Policy" in refused.response.json()["error"]["detail"], refused

with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
    file.write("hello from pysnow")
    file.flush()
    raw = incident.attachments.upload(sys_id=made["sys_id"], file_path=file.name, name="raw.txt").one()
    assert raw["file_name"] == "raw.txt" and raw["size_bytes"] == "17", raw
    again = incident.attachments.upload(sys_id=made["sys_id"], file_path=file.name, name="raw.txt").one()
    assert again["sys_id"] != raw["sys_id"]
    # Its form has no boundary: an instance cannot read it.
    try:
        incident.attachments.upload(sys_id=made["sys_id"], file_path=file.name, multipart=True).one()
        raise AssertionError("a form without a boundary")
    except HTTPError as refused:
        assert refused.response.status_code == 400
assert len(incident.attachments.get(sys_id=made["sys_id"])) == 2
incident.attachments.delete(raw["sys_id"])
assert len(incident.attachments.get(sys_id=made["sys_id"])) == 1

deleted = incident.delete({"number": made["number"]})
assert deleted["status"] == "record deleted", deleted
assert incident.get(query={"number": made["number"]}).one_or_none() is None

wrong = pysnow.Client(host=address, user=user, password="wrong", use_ssl=False)
try:
    wrong.resource(api_path="/table/incident").get(query={}).all()
    raise AssertionError("a wrong password")
except Exception as refused:
    assert "401" in str(refused) or "Not Authenticated" in str(refused), refused
print("believed")
