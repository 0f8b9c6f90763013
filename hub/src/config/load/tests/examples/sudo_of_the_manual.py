c.SudoSpawner.sudo-spawner_path = '/absolute/path/to/sudo-spawner'
