"""A conversation by PySNC, ServiceNow's own client: over TLS, with batches, attachments and retries."""

import os

import pysnc
from pysnc import ServiceNowClient
from pysnc.exceptions import AuthenticationException, RoleException

url, certificate = os.environ["SN_URL"], os.environ["SN_CERTIFICATE"]
user, password = os.environ["SN_USER"], os.environ["SN_PASSWORD"]
client = ServiceNowClient(url, (user, password), verify=certificate)

# Create, and read back.
incident = client.GlideRecord("incident")
incident.initialize()
incident.short_description = "made by PySNC"
incident.impact = 1
incident.urgency = 2
incident.bunk_field = "nobody knows this one"
sys_id = incident.insert()
assert sys_id and incident.get_value("priority") == "2", incident.serialize()
assert incident.get_display_value("priority") == "2 - High"
assert not incident.bunk_field

again = client.GlideRecord("incident")
assert again.get(str(sys_id))
assert again.number == incident.number
assert not client.GlideRecord("incident").get("0" * 32)

# A sys_id of one's own.
own = client.GlideRecord("incident")
own.initialize()
own.set_new_guid_value("ab" * 16)
own.short_description = "with a guid"
assert own.insert() == "ab" * 16

# Update, dot-walked and displayed values, dates.
again.short_description = "changed by PySNC"
again.caller_id = "62826bf03710200044e0bfc8bcbe5df1"
again.update()
walked = client.GlideRecord("incident")
walked.fields = ["sys_id", "caller_id.user_name", "short_description", "sys_created_on"]
walked.add_query("sys_id", str(sys_id))
walked.query()
assert walked.next() and walked.get_value("caller_id.user_name") == "abel.tuter"
assert walked.short_description == "changed by PySNC"
assert walked.sys_created_on.date_value().year >= 2024

# Query, with or, null and order; page through more than a page.
for number in range(25):
    one = client.GlideRecord("incident")
    one.initialize()
    one.short_description = f"page {number:02}"
    one.correlation_id = "paged" if number % 2 else "paged too"
    assert one.insert()
pages = client.GlideRecord("incident", batch_size=10)
pages.add_query("correlation_id", "paged").add_or_condition("correlation_id", "paged too")
pages.add_null_query("assigned_to")
pages.order_by("short_description")
pages.query()
assert len(pages) == 25, len(pages)
assert [str(one.short_description) for one in pages] == [f"page {number:02}" for number in range(25)]
limited = client.GlideRecord("incident")
limited.add_encoded_query("correlation_idSTARTSWITHpaged^ORDERBYDESCshort_description")
limited.limit = 3
limited.query()
assert [str(one.short_description) for one in limited] == ["page 24", "page 23", "page 22"]

# Queries too long for a URL go through the batch API.
long = client.GlideRecord("incident")
long.add_query("correlation_id", "IN", ",".join(["paged"] + ["x" * 40] * 300))
long.query()
assert len(long) == 12, len(long)

# Change and delete many in a batch.
many = client.GlideRecord("incident")
many.add_query("correlation_id", "paged")
many.query()
for one in many:
    one.impact = "1"
assert many.update_multiple()
check = client.GlideRecord("incident")
check.add_query("correlation_id", "paged")
check.add_query("impact", "1")
check.query()
assert len(check) == 12
gone = client.GlideRecord("incident")
gone.add_query("correlation_id", "STARTSWITH", "paged")
assert gone.delete_multiple()
gone = client.GlideRecord("incident")
gone.add_query("correlation_id", "STARTSWITH", "paged")
gone.query()
assert len(gone) == 0

# Attachments.
again.add_attachment("hello.txt", b"hello from PySNC", "text/plain")
files = again.get_attachments()
assert len(files) == 1
for file in files:
    assert file.file_name == "hello.txt" and file.size_bytes == "16"
    assert file.read() == b"hello from PySNC"

# Errors: a rule that refuses, a wrong password.
again.state = "6"
try:
    again.update()
    raise AssertionError("resolved without a code")
except RoleException as refused:
    assert "Resolution code" in str(refused), refused
try:
    ServiceNowClient(url, (user, "wrong"), verify=certificate).GlideRecord("incident").get("x")
    raise AssertionError("a wrong password")
except AuthenticationException:
    pass

# It asks again after a 503, by itself.
problem = client.GlideRecord("problem")
problem.query()
assert len(problem) == 0

# OAuth, by the password grant and by client credentials.
grant = pysnc.ServiceNowPasswordGrantFlow(user, password, os.environ["SN_CLIENT_ID"], os.environ["SN_CLIENT_SECRET"])
assert ServiceNowClient(url, grant, verify=certificate).GlideRecord("incident").get(str(sys_id))

assert own.delete()
print("believed")
