import asyncio
import os

from bacpypes3.app import Application
from bacpypes3.argparse import SimpleArgumentParser
from bacpypes3.local.analog import AnalogValueObject


async def main():
    arguments = ["--instance", "260011", "--name", "AHU-3-Controller", "--address", os.environ["ADDRESS"] + "/24"]
    application = Application.from_args(SimpleArgumentParser().parse_args(arguments))
    device = application.device_object
    # Not among the arguments: those refuse a vendor that the library does not know.
    device.vendorIdentifier = 5
    device.vendorName, device.modelName = "Johnson Controls, Inc.", "MS-NAE5510-2"
    device.firmwareRevision, device.applicationSoftwareVersion = "9.0.7.6001", "9.0.7"
    device.location, device.description, device.serialNumber = "Building 7 roof", "Air handler 3", "NAE-00421"
    application.add_object(AnalogValueObject(
        objectIdentifier=("analog-value", 1), objectName="SupplyTemp", presentValue=21.5, units="degreesCelsius",
        statusFlags=[0, 0, 0, 0], eventState="normal", outOfService=False, covIncrement=0.1))
    await asyncio.Future()


asyncio.run(main())
