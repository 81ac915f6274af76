-- Chooses the id of a new installation: the first one offered stands.
--
-- KEYS[1] {g00}:marker; ARGV[1] the id offered. The field initialising stands
-- until the markers of all groups are set.
-- Returns {'OK', the id that stands}.
local call = redis.call
if call('HSETNX', KEYS[1], 'installation', ARGV[1]) == 1 then
  call('HSET', KEYS[1], 'initialising', '1')
end
return {'OK', call('HGET', KEYS[1], 'installation')}
