"""An AMQP subscriber as an integrator would write it: durable queue, manual acknowledgement, reconnect.

Appends one JSON line for every delivery to OUTPUT: routing key, properties, headers and payload. With --schemas DIR it
validates each payload against the published JSON Schema named in the message's `type`; a fault is in the line as `fault`.
It prints `ready` when it is bound and ends on SIGTERM.
"""

import argparse
import json
import pathlib
import signal
import sys
import time

import pika
import pika.exceptions


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--exchange", required=True)
    parser.add_argument("--queue", required=True)
    parser.add_argument("--pattern", action="append", default=[])
    parser.add_argument("--output", required=True)
    parser.add_argument("--schemas", type=pathlib.Path)
    return parser.parse_args()


class Validators:
    """The published schemas, compiled when first needed."""

    def __init__(self, directory):
        self.directory = directory
        self.compiled = {}

    def fault(self, schema_ref, payload):
        if self.directory is None:
            return None
        if schema_ref not in self.compiled:
            import jsonschema

            file = self.directory / f"{schema_ref}.json"
            if not file.exists():
                return f"no schema is published as {schema_ref}"
            schema = json.loads(file.read_text())
            kind = jsonschema.Draft202012Validator
            kind.check_schema(schema)
            self.compiled[schema_ref] = kind(schema, format_checker=kind.FORMAT_CHECKER)
        error = next(self.compiled[schema_ref].iter_errors(payload), None)
        return f"{error.json_path}: {error.message}"[:300] if error else None


def subscribe(options, output, validators, announce):
    connection = pika.BlockingConnection(pika.URLParameters(options.url))
    channel = connection.channel()
    channel.queue_declare(options.queue, durable=True, arguments={"x-queue-type": "quorum"})
    channel.exchange_declare(options.exchange, exchange_type="topic", durable=True)
    for pattern in options.pattern or ["#"]:
        channel.queue_bind(options.queue, options.exchange, pattern)
    channel.basic_qos(prefetch_count=500)
    announce()

    def deliver(channel, method, properties, body):
        payload = json.loads(body)
        line = {
            "routingKey": method.routing_key,
            "redelivered": method.redelivered,
            "messageId": properties.message_id,
            "type": properties.type,
            "appId": properties.app_id,
            "contentType": properties.content_type,
            "deliveryMode": properties.delivery_mode,
            "headers": {key: str(value) for key, value in (properties.headers or {}).items()},
            "payload": payload,
        }
        fault = validators.fault(properties.type, payload)
        if fault:
            line["fault"] = fault
        output.write(json.dumps(line, separators=(",", ":")) + "\n")
        output.flush()
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(options.queue, deliver)
    channel.start_consuming()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    validators = Validators(options.schemas)
    announced = []

    def announce():
        if not announced:
            announced.append(True)
            print("ready", flush=True)

    with open(options.output, "a", encoding="utf-8") as output:
        while True:
            try:
                subscribe(options, output, validators, announce)
            except (pika.exceptions.AMQPError, OSError) as error:
                print(f"again in 0.5 s: {type(error).__name__}", file=sys.stderr, flush=True)
                time.sleep(0.5)


if __name__ == "__main__":
    main()
