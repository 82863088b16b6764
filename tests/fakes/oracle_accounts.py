"""Price accounts made to order, by the layouts of `quote_core.dex.pyth`, `switchboard` and `lst_rates`."""

import struct

from quote_core.dex.pool import Account
from quote_core.units import Pubkey


def pyth_account(
    feed_id: str, *, price: int, conf: int = 1, exponent: int = -8, publish_time: int, is_fully_verified: bool = True
) -> Account:
    head = bytes.fromhex("22f123639d7ef4cd") + bytes(32) + (b"\1" if is_fully_verified else b"\0")
    body = bytes.fromhex(feed_id) + struct.pack(
        "<qQiqqqQQ", price, conf, exponent, publish_time, publish_time, price, 1, 1
    )
    return Account(Pubkey("rec5EKMGg6MxZYaMdyBfgwp4d5rB9T1VQH5pJv5LtFJ"), (head + body).ljust(134, b"\0"))


def switchboard_account(*, value: float, std_dev: float = 0.0, slot: int, slots_max: int = 250) -> Account:
    data = bytearray(3_208)
    data[:8] = bytes.fromhex("c41b6cc40ad7db28")
    for offset, number in ((2_264, value), (2_280, std_dev)):
        data[offset : offset + 16] = round(number * 10**18).to_bytes(16, "little", signed=True)
    struct.pack_into("<Q", data, 2_368, slot)
    struct.pack_into("<I", data, 2_392, slots_max)
    return Account(Pubkey("SBondMDrcV3K4kxZR1HNVT7osZxAHVHgYXL5Ze1oMUv"), bytes(data))


def stake_pool_account(*, total_lamports: int, supply: int, epoch: int) -> Account:
    data = bytearray(611)
    data[0] = 1
    struct.pack_into("<QQQ", data, 258, total_lamports, supply, epoch)
    return Account(Pubkey("SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy"), bytes(data))


def infinity_account(*, total_sol_value: int) -> Account:
    data = bytearray(176)
    struct.pack_into("<Q", data, 0, total_sol_value)
    data[12] = 1
    return Account(Pubkey("5ocnV1qiCgaQR8Jb8xWnVbApfaygJ8tNoZfgPwsgx9kx"), bytes(data))


def mint_account(*, supply: int, decimals: int = 9) -> Account:
    data = bytearray(82)
    struct.pack_into("<Q", data, 36, supply)
    data[44], data[45] = decimals, 1
    return Account(Pubkey("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"), bytes(data))
