"""Asks a gateway to describe itself, as an engineering tool does before it connects."""

import asyncio
import sys

from xknx.io.self_description import request_description


async def main():
    found = await request_description(local_ip="0.0.0.0", local_port=0, gateway_ip=sys.argv[1], gateway_port=3671, route_back=True)
    print(found)
    sys.exit(found is None)


asyncio.run(main())
