#!lua flags=allow-oom
-- One revision of a comment that needs no person: whatever older revision waits is withdrawn.
-- ARGV  [3] id  [4] revision  [5] retention
-- Returns passed | withdrawn | repeated | stale | deleted

local id, revision = ARGV[3], tonumber(ARGV[4])
local is = redis.call('HMGET', item_key(id), 'state', 'revision')
local state, known = is[1], tonumber(is[2] or 0)

if state == 'deleted' then return 'deleted' end
if state and known == revision then return 'repeated' end
if state and known > revision then return 'stale' end
-- A first revision that nobody need see leaves no trace; a later one must outlive a late copy of an earlier one.
if not state and revision == 1 then return 'passed' end
redis.call('HSET', item_key(id), 'revision', revision)
bury(id, 'passed', ARGV[5])
if not is_queued(state) then return 'passed' end
audit('withdrawn', '', id, state)
return 'withdrawn'
