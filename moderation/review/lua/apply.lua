-- One revision of a comment: file it, replace an older one, withdraw it, or do nothing.
-- ARGV  [3] id  [4] revision  [5] file | pass | delete  [6] data  [7] priority  [8] author or ''  [9] retention  [10] horizon
-- Returns filed | repeated | stale | deleted | withdrawn | passed

local id, revision, kind = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local key = item_key(id)
local was = redis.call('HMGET', key, 'state', 'revision', 'filed_at')
local state, known = was[1], tonumber(was[2] or 0)

if state == 'deleted' then return 'deleted' end
if kind == 'delete' then return bury(id, ARGV[9]) and 'withdrawn' or 'passed' end
if state and known == revision then return 'repeated' end
if state and known > revision then return 'stale' end

local queued = state == 'ready' or state == 'leased'
if kind == 'pass' then
  -- A first revision that nobody need see leaves no trace; a later one must outlive a late copy of an earlier one.
  if not state and revision == 1 then return 'passed' end
  withdraw(id)
  redis.call('HSET', key, 'state', 'passed', 'revision', revision)
  redis.call('EXPIRE', key, ARGV[9])
  return queued and 'withdrawn' or 'passed'
end

-- An edit keeps its place in time: editing must not send an item to the back.
local filed_at = queued and tonumber(was[3]) or now
local rank = number(filed_at - tonumber(ARGV[7]) * tonumber(ARGV[10]))
withdraw(id)
redis.call('HSET', key, 'state', 'ready', 'revision', revision, 'data', ARGV[6], 'priority', ARGV[7], 'filed_at', number(filed_at), 'rank', rank)
redis.call('HDEL', key, 'verdict', 'reason', 'resolved_at')
redis.call('PERSIST', key)
redis.call('ZADD', ready, rank, id)
redis.call('ZADD', filed, number(filed_at), id)
if ARGV[8] ~= '' then
  redis.call('HSET', key, 'author', ARGV[8])
  redis.call('SADD', prefix .. ':author:' .. ARGV[8], id)
end
return 'filed'
