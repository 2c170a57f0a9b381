-- A person decided. The text goes, what was decided stays for a while, so that a repeated call finds its own answer.
-- ARGV  [3] id  [4] token  [5] verdict  [6] reason or ''  [7] retention
-- Returns {revision, queue seconds}, or false when the lease is lost

local id, token = ARGV[3], ARGV[4]
local key = item_key(id)
local was = redis.call('HMGET', key, 'state', 'resolved_by', 'verdict', 'revision', 'queue_seconds')
if was[1] == 'resolved' and was[2] == token and was[3] == ARGV[5] then return {was[4], was[5]} end
if not held(id, token) then return false end
local seconds = number(now - tonumber(redis.call('HGET', key, 'filed_at')))
withdraw(id)
redis.call('HSET', key, 'state', 'resolved', 'resolved_by', token, 'verdict', ARGV[5], 'reason', ARGV[6], 'queue_seconds', seconds, 'resolved_at', number(now))
redis.call('EXPIRE', key, ARGV[7])
return {redis.call('HGET', key, 'revision'), seconds}
