#!lua flags=allow-oom
-- The comment was deleted where it stood: nothing files it again.
-- ARGV  [3] id  [4] revision  [5] retention
-- Returns withdrawn | passed | deleted (it was deleted before)

local id = ARGV[3]
local state = redis.call('HGET', item_key(id), 'state')
if state == 'deleted' then return 'deleted' end
drop_quotes_of(id)
bury(id, 'deleted', ARGV[5])
if tonumber(redis.call('HGET', item_key(id), 'revision') or 0) < tonumber(ARGV[4]) then redis.call('HSET', item_key(id), 'revision', ARGV[4]) end
if not state then return 'passed' end
audit('deleted', '', id, state)
return is_queued(state) and 'withdrawn' or 'passed'
