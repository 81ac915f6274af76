-- Releases claims in one slot group: those that the caller's partition owns and
-- whose rows are in the books. From then on the filter has them.
--
-- KEYS[1] marker, KEYS[2] filter, then for each claim its bucket.
-- ARGV[1] to ARGV[5] as in marker.lua, of a batch that has claimed, then for each
-- claim field and owner.
-- Returns {'OK'}.
local refusal, last, released = recorded()
if refusal then return refusal end
refusal = fenced(last) or ordered(last)
if refusal then return refusal end
if tonumber(ARGV[5]) > last.number then return {'LOST', 'number', last.numberText} end
call('HSET', KEYS[1], 'released', '1')
if not released then call('SETRANGE', KEYS[2], 32 * 4096 - 1, '\0') end -- a string that grows takes twice its size
for i = 3, #KEYS do
  local field, owner = ARGV[2 * i], ARGV[2 * i + 1]
  if call('HGET', KEYS[i], field) == owner then
    setOld(field)
    call('HDEL', KEYS[i], field)
  end
end
return {'OK'}
