-- How long a server may take to answer, in microseconds, as the settings of its last start said.
ALTER TABLE servers ADD COLUMN http_timeout BIGINT;
