"""Checks that a file is an AsyncAPI 3.0 document, and that its examples are as its schemas say.

Prints one line for every fault; ends with 1 if there is one.
"""

import json
import pathlib
import sys

import jsonschema

FAULTS_SHOWN = 20


def faults(document):
    official = json.loads((pathlib.Path(__file__).parent / "asyncapi" / "3.0.0.schema.json").read_text())
    for error in jsonschema.Draft7Validator(official).iter_errors(document):
        yield f"{error.json_path}: {deepest(error).message[:300]}"
    for name, message in document.get("components", {}).get("messages", {}).items():
        payload = jsonschema.Draft202012Validator({**document, **message["payload"]})
        for example in message.get("examples", []):
            for error in payload.iter_errors(example["payload"]):
                yield f"the example of {name}: {error.json_path}: {error.message[:300]}"


def deepest(error):
    """What is really wrong, where several forms would have been possible."""
    while error.context:
        error = max(error.context, key=lambda cause: len(cause.absolute_path))
    return error


def main():
    document = json.loads(pathlib.Path(sys.argv[1]).read_text())
    found = list(faults(document))
    for fault in found[:FAULTS_SHOWN]:
        print(fault)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
