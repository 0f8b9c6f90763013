from subprocess import check_call
def my_hook(spawner):
    check_call(['./bootstrap.sh', spawner.user.name])

c.Spawner.pre_spawn_hook = my_hook
