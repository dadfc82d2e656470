import asyncio
import os

from asyncua import Client


async def main():
    client = Client(f"opc.tcp://{os.environ['ADDRESS']}:4840/")
    for endpoint in await client.connect_and_get_server_endpoints():
        print(endpoint.EndpointUrl, endpoint.SecurityPolicyUri, endpoint.Server.ApplicationName.Text)
    async with client:
        # Server_ServerStatus_BuildInfo
        print(await client.get_node("i=2260").read_value())


asyncio.run(main())
