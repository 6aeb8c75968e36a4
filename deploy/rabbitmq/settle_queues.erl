%% For rabbitmqctl eval, on a broker of one node: writes to the disk which log belongs to which quorum queue, and has a leader
%% elected for each queue that has none.
ok = dets:sync(ra_directory_reverse),
lists:foreach(
    fun(Queue) ->
        {Name, _} = Member = amqqueue:get_pid(Queue),
        case ra_leaderboard:lookup_leader(Name) of
            undefined -> ra:trigger_election(Member);
            _ -> ok
        end
    end,
    [Queue || Queue <- rabbit_amqqueue:list(), amqqueue:get_type(Queue) =:= rabbit_quorum_queue]).
