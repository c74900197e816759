"""Who a node is: the same after its process died, never the same as a living one, a copy or another machine."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

import ops.composition.node_identity as module
from ops.composition.node_identity import NodeIdentity, claimed_node
from tests.serving import ROOT, environment

CLAIM = """
import sys, time
from pathlib import Path
from ops.composition.node_identity import claimed_node
with claimed_node(Path(sys.argv[1]), {"HUNTGROUP_NODE": "web"}) as node:
    print(node.owner, flush=True)
    time.sleep(60)
"""
WEB = {"HUNTGROUP_NODE": "web"}


def claim_once(folder: Path) -> NodeIdentity:
    with claimed_node(folder, WEB) as node:
        return node


def test_the_next_process_has_the_same_key_and_another_owner(tmp_path: Path) -> None:
    first, second = claim_once(tmp_path), claim_once(tmp_path)
    assert (first.name, first.key) == (second.name, second.key) == ("web", first.key)
    assert first.owner != second.owner
    assert first.owner.rpartition(":")[0] == second.owner.rpartition(":")[0] == first.key


def test_two_that_live_are_never_the_same_whatever_they_are_called(tmp_path: Path) -> None:
    with claimed_node(tmp_path, WEB) as first:
        with claimed_node(tmp_path, WEB) as second, claimed_node(tmp_path, WEB) as third:
            assert [one.name for one in (first, second, third)] == ["web", "web-2", "web-3"]
            assert len({one.key for one in (first, second, third)}) == 3
        again = claim_once(tmp_path)
    assert again.key == second.key


async def test_a_killed_process_is_succeeded_at_once(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLAIM, str(tmp_path), stdout=asyncio.subprocess.PIPE, env=environment(), cwd=ROOT
    )
    assert child.stdout is not None
    owner = (await asyncio.wait_for(child.stdout.readline(), 60)).decode().strip()
    with claimed_node(tmp_path, WEB) as other:  # it lives
        assert other.key != owner.rpartition(":")[0]
    child.send_signal(signal.SIGKILL)
    await child.wait()
    assert claim_once(tmp_path).key == owner.rpartition(":")[0]


def test_a_copy_of_the_folder_is_another_node(tmp_path: Path) -> None:
    first = claim_once(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert claim_once(tmp_path / "two").key != first.key


def test_another_boot_or_machine_is_another_node_and_one_that_cannot_be_told_is_always_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boot = tmp_path / "boot_id"
    monkeypatch.setattr(module, "_MACHINE", (boot,))
    boot.write_text("one")
    first = claim_once(tmp_path)
    assert claim_once(tmp_path).key == first.key
    boot.write_text("two")
    assert claim_once(tmp_path).key != first.key
    boot.unlink()
    assert claim_once(tmp_path).key != claim_once(tmp_path).key


def test_where_nothing_can_be_kept_the_node_is_new_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        assert claim_once(tmp_path / "file").key != claim_once(tmp_path / "file").key
    assert "node_not_remembered" in caplog.text


@pytest.mark.parametrize(
    ("given", "name"), [("../../etc/x", "_.._etc_x"), ("..", "node"), ("Knoten 1", "Knoten_1"), ("x" * 99, "x" * 64)]
)
def test_a_name_is_the_name_of_a_file_in_the_folder(tmp_path: Path, given: str, name: str) -> None:
    with claimed_node(tmp_path, {"HUNTGROUP_NODE": given}) as node:
        assert node.name == name
        assert os.listdir(tmp_path / ".nodes") == [name]
