#!lua flags=allow-oom
-- Put aside until a time, or for a moderator until then.
-- ARGV  [3] id  [4] moderator  [5] version  [6] seconds from now  [7] for whom, or ''
-- Returns {until} or {'conflict', …}

local id, key, whom = ARGV[3], item_key(ARGV[3]), ARGV[7]
if not holds_claim(id, ARGV[4], ARGV[5]) then return conflict(id) end
local was = take_out(id)
local untilled = number(now + tonumber(ARGV[6]))
redis.call('HDEL', key, 'moderator', 'claimed_at')
redis.call('HSET', key, 'state', 'held', 'until', untilled)
redis.call('HINCRBY', key, 'version', 1)
redis.call('ZADD', holds, untilled, id)
if whom ~= '' then
  redis.call('HSET', key, 'for', whom)
  redis.call('ZADD', prefix .. ':for:' .. whom, redis.call('HGET', key, 'rank'), id)
end
audit(whom == '' and 'held' or 'handed_off', ARGV[4], id, was, whom)
return {untilled}
