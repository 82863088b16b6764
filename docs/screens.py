"""Take the pictures of the web page in docs/screens anew: a platform of its own, chromium, some minutes of trading.

python docs/screens.py
"""

import base64
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).with_suffix("")
SIZE_BYTES_MAX = 200_000
COLOURS_MAX = 256
HEALTHY_MS = 120_000
SPARKS_MS = 100_000
"""A spark is two minutes wide."""
SHOT_MS = 120_000
ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
SHOTS: dict[str, dict[str, Any]] = {
    "dark": {"viewport": {"width": 1440, "height": 940}, "color_scheme": "dark"},
    "light": {"viewport": {"width": 1440, "height": 940}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 390, "height": 780}, "color_scheme": "dark", "device_scale_factor": 1.5},
}


def main() -> None:
    """Take them all at one time, from pages that were open side by side."""
    path = shutil.which("chromium")
    if path is None:
        sys.exit("there is no chromium: apt-get install chromium")
    FOLDER.mkdir(exist_ok=True)
    with platform() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        for name, image in taken(browser, url).items():
            content = few_colours(image)
            (FOLDER / f"{name}.png").write_bytes(content)
            print(f"{name}.png: {len(content):,} bytes")
            if len(content) > SIZE_BYTES_MAX:
                sys.exit(f"{name}.png is larger than {SIZE_BYTES_MAX:,} bytes")
        browser.close()


def taken(browser: Browser, url: str) -> dict[str, np.ndarray]:
    """The pictures as pixels, by name."""
    pages = {name: browser.new_context(**options).new_page() for name, options in SHOTS.items()}
    for page in pages.values():
        page.goto(url)
    any_page = next(iter(pages.values()))
    any_page.wait_for_function(
        "() => document.querySelector('#vital-processes').innerText.startsWith('12 / 12')", timeout=HEALTHY_MS
    )
    any_page.wait_for_function("() => document.querySelector('#trades-rows th')", timeout=HEALTHY_MS)
    any_page.wait_for_timeout(SPARKS_MS)
    return {name: pixels(page.screenshot(timeout=SHOT_MS), browser) for name, page in pages.items()}


@contextmanager
def platform() -> Iterator[str]:
    """The platform while the context lasts; its page's address."""
    with tempfile.TemporaryDirectory(prefix="solquote-screens-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
        command = [sys.executable, "-m", "solquote", "up", "--free-ports", "--json", "--data-dir", folder]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as up:
            assert up.stdout is not None
            try:
                next(line for line in up.stdout if "processes are healthy" in line)
                threading.Thread(target=up.stdout.read, daemon=True).start()  # what nobody reads makes it stand still
                told = json.loads((Path(folder) / "up.json").read_text())["environment"]
                yield f"http://127.0.0.1:{told['SOLQUOTE_AGGREGATOR_HTTP_PORT']}/"
            finally:
                up.send_signal(signal.SIGINT)
                up.wait()


PIXELS = """async (png) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return [image.height, image.width, btoa(text)];
}"""


def pixels(png: bytes, browser: Browser) -> np.ndarray:
    """The colours of a picture, rows by columns by three; the browser knows how to read it."""
    page = browser.new_page()
    height, width, raw = page.evaluate(PIXELS, base64.b64encode(png).decode())
    page.close()
    return np.frombuffer(base64.b64decode(raw), np.uint8).reshape(height, width, 4)[:, :, :3]


def few_colours(image: np.ndarray) -> bytes:
    """A PNG of 256 colours: one after the other that which saves most, and every other becomes the nearest of them."""
    flat = image.reshape(-1, 3).astype(np.int32)
    codes = (flat[:, 0] << 16) | (flat[:, 1] << 8) | flat[:, 2]
    unique, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    colours = np.stack([(unique >> shift) & 255 for shift in (16, 8, 0)], axis=1)
    error = counts * 1e6
    nearest = np.zeros(len(colours), np.uint8)
    distance = np.full(len(colours), np.inf)
    palette = []
    while len(palette) < COLOURS_MAX:
        chosen = colours[error.argmax()]
        to_chosen = ((colours - chosen) ** 2).sum(axis=1)
        nearest[to_chosen < distance] = len(palette)
        distance = np.minimum(distance, to_chosen)
        error = counts * distance
        palette.append(chosen)
    height, width, _ = image.shape
    indexes = nearest[inverse].reshape(height, width)
    rows = np.concatenate([np.zeros((height, 1), np.uint8), indexes], axis=1)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(name, content)
        for name, content in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", np.array(palette, np.uint8).tobytes()),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def chunk(name: bytes, content: bytes) -> bytes:
    """One part of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


if __name__ == "__main__":
    main()
