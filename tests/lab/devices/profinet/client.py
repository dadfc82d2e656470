import pnio_dcp

there = pnio_dcp.DCP("10.66.0.250").identify_all(timeout=3)
assert there, "nobody answered Identify"
for device in there:
    print(device.name_of_station, device.MAC, device.IP, device.netmask, device.gateway, device.family)
