module example.com/jwtverifier/.ci/mutate

go 1.26.0
