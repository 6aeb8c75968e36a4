"""Checks that a file is an AsyncAPI 3.0 document, and that its examples are as its schemas say.

Prints one line for every fault; ends with 1 if there is one.
"""

import json
import pathlib
import sys
import warnings

import jsonschema

# Its models have fields that pydantic would rather have named otherwise.
warnings.simplefilter("ignore")
from asyncapi3 import AsyncAPI3  # noqa: E402
from pydantic import ValidationError  # noqa: E402

FAULTS_SHOWN = 20


def faults(document):
    try:
        AsyncAPI3.model_validate(renamed(document))
    except ValidationError as error:
        for fault in error.errors():
            yield f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'][:300]}"
    for name, message in document["components"]["messages"].items():
        payload = jsonschema.Draft202012Validator({**document, **message["payload"]})
        for example in message.get("examples", []):
            for error in payload.iter_errors(example["payload"]):
                yield f"the example of {name}: {error.json_path}: {error.message[:300]}"


def renamed(document):
    """The document with no dots in names: AsyncAPI allows them, the library does not."""
    copy = with_plain_references(document)
    for part in ("channels", "operations"):
        copy[part] = plain(copy[part])
    for channel in copy["channels"].values():
        channel["messages"] = plain(channel["messages"])
    copy["components"] = {kind: plain(objects) for kind, objects in copy["components"].items()}
    return copy


def with_plain_references(node):
    if isinstance(node, list):
        return [with_plain_references(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: value.replace(".", "_") if key == "$ref" and isinstance(value, str) else with_plain_references(value)
        for key, value in node.items()
    }


def plain(objects):
    return {name.replace(".", "_"): value for name, value in objects.items()}


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    found = list(faults(document))
    for fault in found[:FAULTS_SHOWN]:
        print(fault)
    sys.exit(1 if found else 0)


main()
