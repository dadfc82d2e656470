import os

from pymodbus import ModbusDeviceIdentification
from pymodbus.datastore import ModbusDeviceContext, ModbusSequentialDataBlock, ModbusServerContext
from pymodbus.server import StartTcpServer

identity = ModbusDeviceIdentification(info_name={
    "VendorName": "Schneider Electric",
    "ProductCode": "BMEP584040",
    "MajorMinorRevision": "v03.20",
    "VendorUrl": "http://www.se.com",
    "ProductName": "Modicon M580",
    "ModelName": "BME P58 4040",
    "UserApplicationName": "Pump Station 4",
})
tables = {table: ModbusSequentialDataBlock(1, list(range(200))) for table in ("di", "co", "hr", "ir")}
context = ModbusServerContext(devices=ModbusDeviceContext(**tables), single=True)
StartTcpServer(context, identity=identity, address=(os.environ["ADDRESS"], 502))
