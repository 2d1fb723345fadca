"""A custom mapping in Python.

It says in code what ../rules.toml says in rules. `componentize-py --stub-wasi` makes a component of it that asks for nothing.
"""

import json

from componentize_py_types import Err
from wit_world.exports.mapping import Complaint, Field, Mapped, Produced, Value_Named, Value_Text

TEAMS = {"rhel-": "Linux Platform", "win-": "Windows Platform"}

CHANGE = ["category", "assignment_group", "u_cost_center", "cab_required"]


class Mapping:
    """The interface `mapping`."""

    def check_rules(self, rules: str) -> list[Produced]:
        """There are no rules to check: they are this code."""
        return [
            Produced("build-change", CHANGE, False),
            Produced("deploy-change", CHANGE, False),
            Produced("incident", ["assignment_group", "description", "urgency"], False),
            Produced("image", ["short_description"], False),
            Produced("system", ["short_description", "location"], False),
        ]

    def apply(self, rules: str, kind: str, event: str, defaults: list[Field]) -> Mapped:
        record = {field.name: field.value for field in defaults}
        event = json.loads(event)
        if kind in ("build-change", "deploy-change"):
            change(record, event)
            class_name = None
        elif kind == "incident":
            incident(record, event)
            class_name = None
        elif kind == "image":
            image = event["build"]["image"]
            record["short_description"] = Value_Text(f"{image['name'].upper()} {image['version']}")
            class_name = None
        elif kind == "system":
            class_name = system(record, event)
        else:
            raise Err(Complaint("", None, None, f"these rules know no `{kind}`"))
        return Mapped(class_name, [Field(name, value) for name, value in record.items()])


def change(record, event):
    record["category"] = Value_Text("System Software")
    team(record, event)
    if center := event.get("labels", {}).get("cost-center"):
        record["u_cost_center"] = Value_Text(center)
    if is_production(event):
        record["cab_required"] = Value_Text("true")


def incident(record, event):
    team(record, event)
    lines = [event["message"]]
    for check in (event.get("tests") or {}).get("checks", []):
        if check["outcome"] == "failed":
            lines.append(f"- {check['name']}: {check.get('detail') or 'no detail'}")
    record["description"] = Value_Text("\n".join(lines))
    record.pop("impact", None)
    if is_production(event) and event["step"] == "verification":
        record["urgency"] = Value_Text("1")


def system(record, event):
    image = event["build"]["image"]
    record["short_description"] = Value_Text(f"Runs {image['name']} {image['version']}")
    if event["system"]["kind"] != "physical":
        return None
    record["location"] = Value_Named("Prague")
    return "cmdb_ci_server"


def team(record, event):
    """The team of an image's family; where there is none, the default stays."""
    for family, name in TEAMS.items():
        if event["build"]["image"]["name"].startswith(family):
            record["assignment_group"] = Value_Named(name)


def is_production(event):
    return (event.get("environment") or {}).get("tier") == "production"
