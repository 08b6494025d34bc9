-- True for a secret that a person gave as an answer: no tool returns it to the model.
alter table session_storage add column hidden_from_model boolean not null default false;
