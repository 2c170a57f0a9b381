#!lua flags=allow-oom
-- The last verdict on an item no longer counts: the item is its moderator's again, and the outbox says so.
-- ARGV  [3] id  [4] moderator  [5] lease seconds  [6] seconds to undo
-- Returns {words, quote, version, filed_at, claimed_at, until}, {'late'}, {'conflict', …}, or false when nothing is known of it

local id, key, moderator = ARGV[3], item_key(ARGV[3]), ARGV[4]
local is = redis.call('HMGET', key, 'state', 'verdict', 'decided_at', 'verdict_id', 'revision', 'reason', 'seconds', 'escalated', 'bucket')
if not is[1] then return false end
local open = is[1] == 'resolved' or (is[1] == 'ready' and is[2] == 'escalate')
if not open then return conflict(id) end
if now - tonumber(is[3]) > tonumber(ARGV[6]) or redis.call('EXISTS', text_key(id)) == 0 then return {'late'} end

if is[2] == 'escalate' then
  take_out(id)
  redis.call('HSET', key, 'state', 'resolved', 'bucket', '1' .. string.sub(redis.call('HGET', key, 'bucket'), 2))
  redis.call('HDEL', key, 'escalated')
end
redis.call('HDEL', key, unpack(DECIDED))
redis.call('PERSIST', key)
keep_words(id)
keep_record(id)
redis.call('XADD', prefix .. ':outbox', '*', 'comment_id', id, 'revision', is[5], 'verdict', is[2], 'moderator', moderator, 'reason', is[6] or '',
  'seconds', is[7], 'at', number(now), 'undone', '1', 'undoes', is[4], 'category', parts(is[9])[4])
return lease(id, moderator, tonumber(ARGV[5]), 'undone', is[1])
