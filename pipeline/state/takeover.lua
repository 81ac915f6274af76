-- Raises the fence of a partition and returns its journal, in one step: from
-- then on no older generation can journal.
--
-- KEYS[1] marker, KEYS[2] journal; ARGV[1] to ARGV[4] as in marker.lua, with
-- era -1 for the era that stands.
-- Returns {'OK', era, alias, journal...}; FENCED names the fence found.
local refusal, last = recorded()
if refusal then return refusal end
local era, generation = tonumber(ARGV[3]), tonumber(ARGV[4])
if era < 0 then era = last.era end
if behind(era, generation, last) then
  return {'FENCED', 'generation', last.eraText .. ':' .. last.generationText}
end
local standing = journal()
refusal = astray(last, standing)
if refusal then return refusal end
local alias = last.alias
if alias == '' then
  alias = string.format('%.0f', call('HINCRBY', KEYS[1], 'aliases', 1))
end
local eraText = string.format('%.0f', era)
call('HSET', KEYS[1], ARGV[2], last.numberText .. ':' .. eraText .. ':' .. ARGV[4] .. ':' .. alias)
return {'OK', eraText, alias, standing[1], standing[2], standing[3], standing[4], standing[5]}
