module tombolo.example/guests

go 1.24
