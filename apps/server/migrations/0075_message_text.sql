-- The text of a message, without its images. Escapes that text cannot hold are replaced before the data is read.
create or replace function message_text(data json, most integer) returns text language sql immutable as $$
  select left(string_agg(p.part->>'text', E'\n' order by p.position), most)
  from json_array_elements(
    (case when position('\u' in data::text) = 0 then data
      else regexp_replace(data::text, '\\u(0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\\ufffd', 'g')::json end)->'message'->'content'
  ) with ordinality as p(part, position)
  where p.part->>'type' = 'text'
$$;
