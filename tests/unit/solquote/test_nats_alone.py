import subprocess
import sys


def test_the_client_is_loaded_without_what_it_does_not_need_and_who_needs_that_gets_it():
    code = (
        "import sys; from solquote.nats_alone import load_nats; load_nats(); load_nats(); "
        "assert 'nats.aio.client' in sys.modules; assert 'aiohttp' not in sys.modules; "
        "import aiohttp; aiohttp.ClientSession; load_nats(); assert sys.modules['aiohttp'] is aiohttp"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
