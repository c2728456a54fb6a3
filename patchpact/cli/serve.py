"""Serve patch plans to tenants over HTTP, each by its own key and with the modules that it subscribes to.

--add, --new-key and --remove keep the tenants' file and end; a key is shown once and only its salted hash is kept.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from patchpact.cli.arguments import UsageError, add_json, positive_number, whole_number
from patchpact.cli.output import print_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--tenants", required=True, metavar="FILE", help="who the tenants are (JSON)")
    edit = parser.add_mutually_exclusive_group()
    edit.add_argument("--add", metavar="ID", help="add a tenant, print its key and end; the file is made if need be")
    edit.add_argument("--new-key", metavar="ID", help="give a tenant a new key for its old one, print it and end")
    edit.add_argument("--remove", metavar="ID", help="remove a tenant and end; its data folder stays")
    parser.add_argument(
        "--module", action="append", default=[], metavar="M", help="with --add: a module it has; may be repeated"
    )
    parser.add_argument("--port", type=whole_number(0), default=8080, metavar="N", help="0: a free one (default 8080)")
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--data", metavar="DIR", help="keep tenants' data there, a folder each (default: in memory)")
    parser.add_argument(
        "--rate", type=positive_number, metavar="R", help="requests a second of a tenant in the long run (default 10)"
    )
    parser.add_argument("--quiet", action="store_true", help="no line for each request")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Keep the file, or serve until Ctrl-C."""
    file = Path(args.tenants)
    if args.module and not args.add:
        raise UsageError("--module: goes with --add; edit the file to change a tenant's modules")
    if args.add or args.new_key or args.remove:
        return _edit(file, args)
    return _serve(file, args)


def _edit(file: Path, args: argparse.Namespace) -> int:
    from patchpact.ecosystem.service import tenants as people

    if not file.exists() and not args.add:
        raise UsageError(f"{file}: no such file; --add ID makes it")
    known = people.read_tenants(file) if file.exists() else []
    if args.add:
        if any(tenant.id == args.add for tenant in known):
            raise UsageError(f"--add {args.add}: is there already; --new-key {args.add} gives it another key")
        if not people.TENANT_ID.fullmatch(args.add):
            raise UsageError(f"--add {args.add}: is no id; take small letters, digits and dashes, at most 40")
        tenant, key = people.with_new_key(people.TenantRecord(id=args.add, modules=list(dict.fromkeys(args.module))))
        known.append(tenant)
        people.checked(known, str(file))
    elif args.new_key:
        tenant, key = people.with_new_key(people.find_tenant(known, args.new_key, str(file)))
        known = [tenant if one.id == tenant.id else one for one in known]
    else:
        tenant, key = people.find_tenant(known, args.remove, str(file)), ""
        known.remove(tenant)
    people.write_tenants(file, known)
    if args.json:
        print_json({"tenant": tenant.id, "modules": tenant.modules, "key": key or None})
    elif key:
        print(f"{tenant.id}: its key, shown this once: {key}")
    else:
        print(f"{tenant.id}: removed")
    return 0


def _serve(file: Path, args: argparse.Namespace) -> int:
    from patchpact.ecosystem.service.http import Server
    from patchpact.ecosystem.service.limits import Limits
    from patchpact.ecosystem.service.service import Service
    from patchpact.ecosystem.service.tenants import read_tenants

    if args.port > 65535:
        raise UsageError(f"--port {args.port}: is out of range; take 0 to 65535")
    folder = None if args.data is None else Path(args.data)
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--data {folder}: no such folder; make it first")
    limits = Limits() if args.rate is None else Limits(rate_per_second=args.rate)
    service = Service(read_tenants(file), folder, limits)
    service.warm_up()
    if not args.quiet:
        logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    with Server(service, args.host, args.port) as server:
        host, port = str(server.server_address[0]), int(server.server_address[1])
        if args.json:
            print_json({"host": host, "port": port, "tenants": len(service.tenants)})
        else:
            print(f"serving {len(service.tenants)} tenants on http://{host}:{port}/v1/ (Ctrl-C ends)", flush=True)
        server.serve_forever()
    return 0
