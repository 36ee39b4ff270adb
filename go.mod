module bnetc

go 1.26
