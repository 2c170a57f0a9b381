#!lua flags=allow-oom
-- Be the one who relays the outbox, for some seconds more.
-- ARGV  [3] who  [4] milliseconds
-- Returns 1 when this one leads, 2 when it has just begun to, 0 when another does

local leader = prefix .. ':leader'
local is = redis.call('GET', leader)
if is and is ~= ARGV[3] then return 0 end
redis.call('SET', leader, ARGV[3], 'PX', ARGV[4])
return is and 1 or 2
