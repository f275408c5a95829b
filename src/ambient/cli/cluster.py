"""`operator` and `server`: the processes of the platform on a cluster."""

from ambient.cli.exits import CliError, Exit, Misused


def operator() -> None:
    """Run until told to end."""
    from ambient.wiring import operator as root  # a second of imports, only now

    try:
        root.run()
    except root.SettingsInvalid as exc:
        raise Misused(str(exc), hint="Correct them in the environment.") from exc
    except root.ClusterRefused as exc:
        raise CliError(
            str(exc), hint="Set KUBECONFIG, or run it inside of a cluster.", exit=Exit.UNREACHABLE
        ) from exc


def server() -> None:
    """Serve until told to end."""
    from ambient.wiring import server as root  # a second of imports, only now

    try:
        root.run()
    except (root.SettingsInvalid, root.NoWayToSignIn) as exc:
        raise Misused(str(exc), hint="Correct them in the environment.") from exc
    except root.AmbientError as exc:
        raise CliError(str(exc), hint=exc.next_step or "", exit=Exit.UNREACHABLE) from exc
    except OSError as exc:
        raise CliError(
            f"It cannot listen: {exc.strerror}.", hint="Set AMBIENT_PORT.", exit=Exit.UNREACHABLE
        ) from exc
