#!lua flags=allow-oom
-- A person decided. The verdict goes to the outbox in the same step; the words stay for as long as it can be undone.
-- An escalation leaves the item waiting, one level up.
-- ARGV  [3] id  [4] moderator  [5] version  [6] verdict  [7] reason or ''  [8] retention  [9] seconds to undo
-- Returns {verdict_id, revision, queue seconds, decided_at, category} or {'conflict', …}

local id, key, moderator, version, verdict = ARGV[3], item_key(ARGV[3]), ARGV[4], ARGV[5], ARGV[6]
local is = redis.call('HMGET', key, 'decided_by', 'decided_version', 'verdict', 'verdict_id', 'revision', 'seconds', 'decided_at', 'bucket')
-- The same call again, after an answer that got lost, finds its own answer.
if is[1] == moderator and is[2] == version and is[3] == verdict then return {is[4], is[5], is[6], is[7], parts(is[8])[4]} end
if not holds_claim(id, moderator, version) then return conflict(id) end

local was = take_out(id)
local seconds = number(math.max(0, now - tonumber(redis.call('HGET', key, 'filed_at'))))
local verdict_id = redis.call('XADD', prefix .. ':outbox', '*', 'comment_id', id, 'revision', is[5], 'verdict', verdict, 'moderator', moderator,
  'reason', ARGV[7], 'seconds', seconds, 'at', number(now), 'undone', '0', 'undoes', '', 'category', parts(is[8])[4])
redis.call('HSET', key, 'verdict', verdict, 'verdict_id', verdict_id, 'decided_by', moderator, 'decided_version', version, 'decided_at', number(now),
  'reason', ARGV[7], 'seconds', seconds)
redis.call('HDEL', key, 'moderator', 'claimed_at', 'until')
redis.call('HINCRBY', key, 'version', 1)
if verdict == 'escalate' then
  redis.call('HSET', key, 'escalated', 1, 'bucket', '2' .. string.sub(redis.call('HGET', key, 'bucket'), 2))
  put_in(id)
else
  redis.call('HSET', key, 'state', 'resolved')
  redis.call('EXPIRE', key, ARGV[8])
  keep_record(id, tonumber(ARGV[8]))
  local undoable = tonumber(ARGV[9])
  if undoable > 0 then keep_words(id, undoable) else drop_words(id) end
end
local detail = verdict == 'escalate' and ARGV[7] or (verdict .. ' ' .. ARGV[7])
audit(verdict == 'escalate' and 'escalated' or 'resolved', moderator, id, was, detail, seconds)
return {verdict_id, is[5], seconds, number(now), parts(is[8])[4]}
