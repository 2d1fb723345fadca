"""A custom mapping: what records say, by the rules that were agreed.

`apply` gets the event as JSON and the fields that the plugin would send, and returns the fields to send. Identity, state and
approval are the plugin's own: leave them out.
"""

import json

from wit_world.exports.mapping import Field, Mapped, Produced, Value_Text


class Mapping:
    """The interface `mapping`."""

    def check_rules(self, rules: str) -> list[Produced]:
        """Says which fields may come. Look at `rules` here if you read any: they are the settings' section `mapping`."""
        return [Produced("incident", ["short_description"], False)]

    def apply(self, rules: str, kind: str, event: str, defaults: list[Field]) -> Mapped:
        fields = {field.name: field.value for field in defaults}
        event = json.loads(event)
        if kind == "incident":
            image = event["build"]["image"]["name"]
            fields["short_description"] = Value_Text(f"{image}: {event['message']}")
        return Mapped(None, [Field(name, value) for name, value in fields.items()])
