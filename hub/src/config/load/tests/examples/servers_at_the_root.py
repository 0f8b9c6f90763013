c.Spawner.notebook_dir = '/'
c.Spawner.default_url = '/home/%U'
