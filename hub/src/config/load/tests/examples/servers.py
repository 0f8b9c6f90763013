c.Spawner.notebook_dir = '~/notebooks'
c.Spawner.args = ['--debug', '--profile=PHYS131']
c.Spawner.args = ['--NotebookApp.default_url=/notebooks/Welcome.ipynb']
c.Spawner.default_url = '/lab'
c.Spawner.mem_limit = '2G'
c.Spawner.cpu_limit = 0.5
