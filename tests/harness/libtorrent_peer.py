"""One libtorrent session with one torrent, for tests and benchmarks.

Takes one JSON object as its argument: torrent (path) or magnet, folder, port, peers ([[host, port]]),
webrtc (bool; ws trackers are left out without it), seed (bool: what is in the folder is complete and right, and no piece of
it is hashed, now or at its first request),
limit (upload bytes per second), settings (more of the session's), choke (bool: nobody is unchoked), log (bool: every
message of a peer, `<==`, or to one, `==>`, is an event). Prints one JSON object a line: {"event": "interpreter", "memory": N}
(bytes in memory before libtorrent is loaded), {"event": "listening", "port": N}, {"event": "state", ...} while it runs, {"event": "finished"} when every piece is verified. Ends on SIGTERM.
"""

import json
import signal
import sys



def say(**event):
    print(json.dumps(event), flush=True)


def memory():
    """Bytes of this process in memory, as the kernel accounts them."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


say(event="interpreter", memory=memory())

import libtorrent as lt  # noqa: E402: what comes before is Python's own memory


def encryption(flags):
    """2 where a connection is encrypted, 1 where it is plain after an encrypted handshake, else 0."""
    return 2 if flags & lt.peer_info.rc4_encrypted else 1 if flags & lt.peer_info.plaintext_encrypted else 0


def main():
    asked = json.loads(sys.argv[1])
    session = lt.session(
        {
            "listen_interfaces": f"127.0.0.1:{asked.get('port', 0)}" if not asked.get("webrtc") else f"0.0.0.0:{asked.get('port', 0)}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
            "allow_multiple_connections_per_ip": True,
            "announce_to_all_trackers": True,
            "announce_to_all_tiers": True,
            "min_announce_interval": 1,
            "min_websocket_announce_interval": 1,
            "webtorrent_stun_server": "",
            "alert_mask": lt.alert.category_t.status_notification
            | lt.alert.category_t.error_notification
            | lt.alert.category_t.tracker_notification
            | lt.alert.category_t.connect_notification
            | (lt.alert.category_t.peer_log_notification if asked.get("log") else 0),
            # Every block is a few lines: none is to be lost.
            **({"alert_queue_size": 1_000_000} if asked.get("log") else {}),
            **({"unchoke_slots_limit": 0, "num_optimistic_unchoke_slots": 0} if asked.get("choke") else {}),
            **asked.get("settings", {}),
        }
    )
    if asked.get("choke"):
        # Peers on this machine would be of a class that is never choked.
        session.set_peer_class_filter(lt.ip_filter())
    if "torrent" in asked:
        parameters = lt.load_torrent_file(asked["torrent"])
    else:
        parameters = lt.parse_magnet_uri(asked["magnet"])
    parameters.save_path = asked["folder"]
    if asked.get("seed"):
        parameters.flags |= lt.torrent_flags.seed_mode
        parameters.verified_pieces = [True] * parameters.ti.num_pieces()
    if not asked.get("webrtc"):
        parameters.trackers = [url for url in parameters.trackers if not url.startswith("ws")]
    parameters.flags &= ~lt.torrent_flags.auto_managed
    parameters.flags &= ~lt.torrent_flags.paused
    # The session's own limit leaves out peers on this machine.
    parameters.upload_limit = asked.get("limit", 0) or -1
    handle = session.add_torrent(parameters)
    for host, port in asked.get("peers", []):
        handle.connect_peer((host, port))

    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    say(event="listening", port=session.listen_port())
    finished = False
    shown = None
    while not stopping:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            if isinstance(alert, lt.peer_log_alert):
                if "<==" in alert.message() or "==>" in alert.message():
                    say(event="message", text=alert.message())
                continue
            print(f"{type(alert).__name__}: {alert.message()}", file=sys.stderr, flush=True)
        status = handle.status()
        state = dict(
            event="state",
            state=str(status.state),
            progress=status.progress,
            peers=status.num_peers,
            downloaded=status.total_payload_download,
            uploaded=status.total_payload_upload,
            methods=[encryption(peer.flags) for peer in handle.get_peer_info()],
            error=status.errc.message() if status.errc.value() else None,
        )
        if state != shown:
            say(**state)
            shown = state
        if status.is_seeding and not finished:
            finished = True
            say(event="finished")


main()
