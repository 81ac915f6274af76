-- Sets a value that is set once, and returns the one that stands.
--
-- KEYS[1] marker, KEYS[2] {gXX}:rev:<hash> or {gXX}:meta:<name>.
-- ARGV[1] installation, ARGV[2] the value; without it nothing is set.
-- Returns {'OK', value that stands, or nothing}.
local call = redis.call
local found = call('HGET', KEYS[1], 'installation')
if found ~= ARGV[1] then return {'LOST', 'installation', found or ''} end
local standing = call('GET', KEYS[2])
if not standing and ARGV[2] then
  call('SET', KEYS[2], ARGV[2])
  standing = ARGV[2]
end
return {'OK', standing}
