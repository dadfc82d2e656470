import asyncio
import os

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser
from bacpypes3.pdu import Address
from bacpypes3.primitivedata import ObjectIdentifier

PROPERTIES = ["vendor-name", "vendor-identifier", "model-name", "firmware-revision", "application-software-version", "object-name", "location",
              "serial-number"]


async def main():
    arguments = ["--instance", "599", "--name", "workstation", "--address", "10.66.0.250/24"]
    application = Application.from_args(SimpleArgumentParser().parse_args(arguments))
    await asyncio.sleep(0.5)
    there = await application.who_is()
    assert there, "nobody answered Who-Is"
    server = Address(os.environ["ADDRESS"])
    for name in PROPERTIES:
        print(name, await application.read_property(server, ObjectIdentifier("device,260011"), name))
    print(await application.read_property(server, ObjectIdentifier("analog-value,1"), "present-value"))
    application.close()


asyncio.run(main())
