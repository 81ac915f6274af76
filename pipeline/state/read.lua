-- Reads shared hashes of one slot group, if the group is as far as it must be.
--
-- KEYS[1] marker, then the hashes {gXX}:s:<key>.
-- ARGV[1] installation, then pairs of a field of the marker and the batch that
-- the group must have applied.
-- Returns {'OK', fields and values of each hash...}, or {'LOST', 'shared', found, field}.
local call = redis.call
if call('HGET', KEYS[1], 'installation') ~= ARGV[1] then
  return {'LOST', 'installation', call('HGET', KEYS[1], 'installation') or ''}
end
for i = 2, #ARGV, 2 do
  local value = call('HGET', KEYS[1], ARGV[i])
  local number = value and string.match(value, '^%d+') or '0'
  if tonumber(number) < tonumber(ARGV[i + 1]) then
    return {'LOST', 'shared', number, ARGV[i], ARGV[i + 1]}
  end
end
local answer = {'OK'}
for i = 2, #KEYS do answer[i] = call('HGETALL', KEYS[i]) end
return answer
