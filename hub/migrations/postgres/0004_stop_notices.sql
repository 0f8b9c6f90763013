-- That a server will be stopped, as it was last announced (JSON); whether that still holds is read off the other columns.
ALTER TABLE servers ADD COLUMN stop_notice TEXT COLLATE "C";
