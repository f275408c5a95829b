"""What runners and what agents see of the environment that the platform was started in."""

from ambient.contract.launch import LaunchSpec
from ambient.engines.local.settings import surroundings
from ambient.runner.process import child_environment


def test_a_runner_takes_over_programs_and_certificates_and_nothing_of_a_person() -> None:
    found = surroundings(
        {"PATH": "/opt/bin", "TZ": "UTC", "HOME": "/home/ann", "AWS_SECRET_ACCESS_KEY": "x"}
    )
    assert found == {"PATH": "/opt/bin", "TZ": "UTC", "LANG": "C.UTF-8"}


def test_an_agent_without_a_home_gets_one_in_its_workspace() -> None:
    launch = LaunchSpec(workspace="/w")
    assert child_environment({"PATH": "/bin"}, launch)["HOME"] == "/w/.home"


def test_a_home_that_was_given_stays() -> None:
    assert child_environment({"HOME": "/image"}, LaunchSpec())["HOME"] == "/image"
    mine = LaunchSpec(env={"HOME": "/mine"})
    assert child_environment({"HOME": "/image"}, mine)["HOME"] == "/mine"
