"""A box starts only on settings that are complete, and says which line is wrong."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edge.settings import BadSettings, load_settings

GOOD = """
[node]
id = "node-1"
cell = "cell-1"
authorities = ["authority-a", "authority-b"]
signing_key = "/etc/cairn/signing.key"
sealing_key = "/etc/cairn/sealing.key"
state_dir = "/var/lib/cairn"

[broker]
host = "broker.cairn.internal"
ca = "/etc/cairn/ca.pem"
certificate = "/etc/cairn/node.pem"
key = "/etc/cairn/node.key"

[camera]
name = "cam-1"
source = "rtsp://user:s3cret@10.0.0.5/stream"

[camera.ground]
height_m = 4.0
tilt_deg = 20
focal_px = 900
"""


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    return path


def test_a_complete_file_loads(tmp_path: Path) -> None:
    """Defaults fill what may be left out."""
    settings = load_settings(_write(tmp_path, GOOD))
    assert settings.broker.port == 8883
    assert settings.camera.is_live
    assert settings.camera.ground is not None


@pytest.mark.parametrize("placeholder", ["<node id>", "CHANGEME", "change-me", "your-node", "TODO", "xxxx"])
def test_a_placeholder_is_refused(tmp_path: Path, placeholder: str) -> None:
    """A value that nobody filled in stops the start and is named."""
    with pytest.raises(BadSettings, match=r"placeholders: node\.id"):
        load_settings(_write(tmp_path, GOOD.replace('"node-1"', f'"{placeholder}"')))


def test_every_wrong_line_is_named_at_once(tmp_path: Path) -> None:
    """Two mistakes take one look, not two, and no value is repeated that may be a secret."""
    text = GOOD.replace('id = "node-1"', 'id = "Node 1"').replace("tilt_deg = 20", "tilt_deg = 200")
    with pytest.raises(BadSettings) as caught:
        load_settings(_write(tmp_path, text))
    assert "node.id" in str(caught.value)
    assert "camera.ground.tilt_deg" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_box_works_with_one_to_three_authorities(tmp_path: Path, names: list[str]) -> None:
    """Fewer than one and more than three are refused; one means that one office alone could search."""
    text = GOOD.replace('["authority-a", "authority-b"]', json.dumps(names))
    assert load_settings(_write(tmp_path, text)).node.authorities == tuple(names)
    for wrong in ([], ["a", "b", "c", "d"]):
        with pytest.raises(BadSettings, match=r"node\.authorities"):
            load_settings(_write(tmp_path, text.replace(json.dumps(names), json.dumps(wrong))))


def test_unknown_names_missing_files_and_bad_toml_are_told(tmp_path: Path) -> None:
    """A typing mistake in a name is not silently passed over."""
    with pytest.raises(BadSettings, match=r"broker\.prot"):
        load_settings(_write(tmp_path, GOOD.replace("[camera]", "prot = 1\n[camera]")))
    with pytest.raises(BadSettings, match="is not TOML"):
        load_settings(_write(tmp_path, "[node"))
    with pytest.raises(BadSettings, match="cannot read"):
        load_settings(tmp_path / "missing.toml")


def test_a_recording_needs_its_start(tmp_path: Path) -> None:
    """The time of a recording is never guessed."""
    text = GOOD.replace("rtsp://user:s3cret@10.0.0.5/stream", "/data/walk.mp4")
    with pytest.raises(BadSettings, match=r"camera\.start"):
        load_settings(_write(tmp_path, text)).camera.started()


def test_the_example_is_whole_once_it_is_filled_in(tmp_path: Path) -> None:
    """As it comes it is refused, and names what is open; with that filled in, every line of it is understood."""
    example = (Path(__file__).parents[2] / "edge" / "units" / "edge.example.toml").read_text()
    with pytest.raises(BadSettings, match=r"broker\.host, camera\.name, node\.authorities\[0\]"):
        load_settings(_write(tmp_path, example))
    filled = re.sub(r"<([a-z ]+)>", lambda open_: open_[1].replace(" ", "-"), example)
    assert load_settings(_write(tmp_path, filled.replace("# start", "start").replace("# fps", "fps"))).camera.fps == 25
