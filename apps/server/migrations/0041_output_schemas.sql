-- The JSON Schema of an agent's answers, as text: models follow the order of its properties.
alter table agents add column output_schema json;
