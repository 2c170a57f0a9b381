-- Text gone, never filed again.
-- ARGV  [3] comment | author  [4] its id  [5] retention
-- Returns how many were queued

if ARGV[3] == 'comment' then return bury(ARGV[4], ARGV[5]) and 1 or 0 end
local count = 0
for _, id in ipairs(redis.call('SMEMBERS', prefix .. ':author:' .. ARGV[4])) do
  if bury(id, ARGV[5]) then count = count + 1 end
end
return count
