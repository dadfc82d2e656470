create user 'lis'@'%' identified by 'lab';
