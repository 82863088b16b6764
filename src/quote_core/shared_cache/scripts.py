"""What is asked of Redis: each a script, so that it is one exchange, done whole or not at all, by the server's clock.

| key, below the prefix | type   | holds                                                 | TTL                      |
|-----------------------|--------|-------------------------------------------------------|--------------------------|
| `<topic>:<name>`      | string | a stamp, a bar, and the value                         | `keep_ns` from the stamp |
| `<topic>:news`        | zset   | names, by when they were put                          | `keep_ns`, anew each put |
| `lock:<name>`         | string | the token of whose turn it is                         | `turn_ns`                |
| `bucket:<name>`       | hash   | `from`: since when credit is saved up; `until`: pause | 25 hours, anew each take |
| `sharers:<name>`      | zset   | processes, by when they last said that they are there | `SHARER_US`              |
| `probe`               | string | whoever wrote it last: that it can be written counts  | a minute                 |

Times are microseconds of the server's TIME, which Lua's numbers hold exactly. What stands under a key and is not ours
is never written over: of another type, it is told to the caller, who does without. What is of our type and no number
of ours (`nan`, a time that lies ahead) is taken for nothing kept, or no credit.
"""

from typing import Final

__all__ = ["BEAT", "GIVE_UP", "LOOK", "NEWS", "NEWS_COUNT_MAX", "PAUSE", "PUT", "SHARER_US", "TAKE", "UNMET_PAUSE_US"]

NEWS_COUNT_MAX: Final = 256
SHARER_US: Final = 10_000_000
"""Who did not say so for this long is not there any more; several beats."""
UNMET_PAUSE_US: Final = 2_000_000
"""A bucket that is not there yet gives nothing for so long, and begins empty: the server may have forgotten it, and
those who did without the server have to hear first that it is back."""

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local function number(text)
  local value = type(text) == 'string' and tonumber(text)
  if not value or value ~= value or value > 9e15 or value < -9e15 then return nil end
  return value
end
local function stamp(kept)
  return type(kept) == 'string' and number(string.match(kept, '^(%d+)|')) or nil
end
"""

LOOK: Final = (
    _NOW
    + """
-- KEYS: values, then the lock. ARGV: young_us, token, turn_ms (0 = no turn is wanted)
local count, values, young = #KEYS - 1, {}, 0
for i = 1, count do
  local kept = redis.pcall('GET', KEYS[i])
  local at = stamp(kept)
  if at and at <= now and now - at <= tonumber(ARGV[1]) then young = young + 1 end
  values[i] = type(kept) == 'table' and 1 or kept
end
local turn = 0
if young < count and ARGV[3] ~= '0' then
  if redis.call('SET', KEYS[count + 1], ARGV[2], 'NX', 'PX', ARGV[3]) then
    turn = 1
  else
    local left = redis.call('PTTL', KEYS[count + 1])
    if left < 0 or left > tonumber(ARGV[3]) then turn = 2 end -- no lock of ours: it ends of itself never, or too late
  end
end
return {now, turn, values}
"""
)
"""Gives the time, 1 for a turn, 2 for one without a lock, 0 for none, and the values; 1 for one of another type."""

PUT: Final = (
    _NOW
    + """
-- KEYS: the news, the lock, then values. ARGV: keep_ms, token, then for each value its name and what is kept
local foreign = 0
for i = 3, #KEYS do
  local name, new = ARGV[2 * i - 3], ARGV[2 * i - 2]
  local old, at = redis.pcall('GET', KEYS[i]), stamp(new)
  local left = math.floor(tonumber(ARGV[1]) - (now - at) / 1000)
  local held = stamp(old)
  if type(old) == 'table' then
    foreign = foreign + 1
  elseif left > 0 and at <= now and not (held and held <= now and held > at) then
    redis.call('SET', KEYS[i], new, 'PX', left)
    local added = redis.pcall('ZADD', KEYS[1], now, name)
    if type(added) == 'table' then foreign = foreign + 1 else redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
  end
end
redis.pcall('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]) * 1000)
if redis.pcall('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end
return {now, foreign}
"""
)
"""Gives the time, and how many keys were of another type; nor does it write over what is newer."""

GIVE_UP: Final = (
    _NOW
    + """
-- KEYS: the lock. ARGV: token
if redis.pcall('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return {now, 0}
"""
)

NEWS: Final = (
    _NOW
    + f"""
-- KEYS: the news. ARGV: since_us, the prefix of values
local names = redis.pcall('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, {NEWS_COUNT_MAX})
if names.err then return {{now, now, 1, {{}}}} end
local values, last = {{}}, ARGV[1]
for i = 1, #names, 2 do
  local kept = redis.pcall('GET', ARGV[2] .. names[i])
  if kept then values[#values + 1] = type(kept) == 'table' and 1 or kept end
  last = names[i + 1]
end
return {{now, tonumber(last), #names == 2 * {NEWS_COUNT_MAX} and 2 or 0, values}}
"""
)
"""Gives the time, when the last of them was put, 2 where there is more or 1 for another type, and the values."""

TAKE: Final = (
    _NOW
    + f"""
-- KEYS: the bucket. ARGV: count, token_us, burst, keep_ms
local held = redis.pcall('HMGET', KEYS[1], 'from', 'until')
if held.err then return {{now, -1, 0, 0}} end
local count, token, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local from, paused = number(held[1]), number(held[2]) or 0
if not from then
  from = now
  paused = math.max(paused, now + {UNMET_PAUSE_US})
end
if paused > now + 86400000000 then paused = 0 end
from = math.max(math.min(from, now), now - burst * token)
local wait = math.max(from + count * token - now, paused - now, 0)
if wait == 0 then from = from + count * token end
redis.call('HSET', KEYS[1], 'from', string.format('%.0f', from), 'until', string.format('%.0f', paused))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {{now, wait, now - from, math.max(paused - now, 0)}}
"""
)
"""Gives the time, the wait (0 = taken; -1 = the key is of another type), the credit, and the rest of a pause."""

PAUSE: Final = (
    _NOW
    + f"""
-- KEYS: the bucket. ARGV: pause_us, keep_ms
local held = redis.pcall('HMGET', KEYS[1], 'from', 'until')
if held.err then return {{now, 1}} end
local from, paused = number(held[1]), number(held[2]) or 0
if paused > now + 86400000000 then paused = 0 end
paused = math.max(paused, now + math.max(tonumber(ARGV[1]), from and 0 or {UNMET_PAUSE_US}))
redis.call('HSET', KEYS[1], 'from', string.format('%.0f', from or now), 'until', string.format('%.0f', paused))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {{now, 0}}
"""
)

BEAT: Final = (
    _NOW
    + f"""
-- KEYS: the probe, then who shares each bucket. ARGV: this process
redis.call('SET', KEYS[1], ARGV[1], 'PX', 60000)
local counts = {{}}
for i = 2, #KEYS do
  local added = redis.pcall('ZADD', KEYS[i], now, ARGV[1])
  if type(added) == 'table' then
    counts[i - 1] = 0
  else
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '-inf', now - {SHARER_US})
    redis.call('ZREMRANGEBYSCORE', KEYS[i], '(' .. string.format('%.0f', now), '+inf')
    redis.call('PEXPIRE', KEYS[i], {SHARER_US // 1000})
    counts[i - 1] = redis.call('ZCARD', KEYS[i])
  end
end
return {{now, counts}}
"""
)
"""Gives the time, and how many share each bucket; 0 where its key is of another type."""
